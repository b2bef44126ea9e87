metadata description = 'What Vizsla may do in Defender: application rights in Microsoft Graph, looked up by name in the tenant\'s own list.'

extension microsoftGraphV1

param principalId string
param rights string[]

resource graph 'Microsoft.Graph/servicePrincipals@v1.0' existing = {
  appId: '00000003-0000-0000-c000-000000000000'
}

// A right that the tenant does not offer stops the deployment here, at index 0 of nothing: see alertRight in main.bicep.
resource granted 'Microsoft.Graph/appRoleAssignedTo@v1.0' = [for right in rights: {
  appRoleId: filter(graph.appRoles, role => role.value == right && contains(role.allowedMemberTypes, 'Application'))[0].id
  principalId: principalId
  resourceId: graph.id
}]
